{% set views = source('clickstream', 'page_views') %}
{% set carts = source('clickstream', 'add_to_cart') %}

{% call changed_days() %}
    select {{ business_day('occurred_at') }} as day from {{ rows_since('clickstream', 'page_views') }}
    union all
    select {{ business_day('occurred_at') }} from {{ rows_since('clickstream', 'add_to_cart') }}
    union all
    select day from {{ days_left('clickstream', 'page_views') }}
    union all
    select day from {{ days_left('clickstream', 'add_to_cart') }}
    union all
    select day
    from {{ days_changed_in('fct_order_items') }}
    where day in (select day from released.product_funnel)
    union all
    -- whoever turns out to be a tester, or none
    select {{ business_day('occurred_at') }}
    from (
        select occurred_at, user_id from {{ views }}
        union all select occurred_at, user_id from {{ carts }}
    )
    where user_id in (
        select user_id from {{ source('user_service', 'users') }} where is_test
        intersect select user_id from {{ rows_since('user_service', 'users') }}
    )
{% endcall %}

with testers as (
    select user_id from {{ ref('user_standing') }}
    where is_test
),

viewed as (
    select
        {{ business_day('occurred_at') }} as day,
        try_cast(regexp_extract(url, '/product/([0-9]+)', 1) as bigint) as product_id,
        count(*) as views
    from {{ views }}
    where {{ on_changed_day('occurred_at') }} and coalesce(user_id not in (select user_id from testers), true)
    group by all
),

filled as (
    select {{ business_day('occurred_at') }} as day, product_id, count(*) as carts
    from {{ carts }}
    where {{ on_changed_day('occurred_at') }} and coalesce(user_id not in (select user_id from testers), true)
    group by all
),

ordered as (
    select ordered_on as day, product_id, count(*) as order_lines, sum(quantity) as units
    from {{ ref('fct_order_items') }}
    where
        {{ on_changed_day('ordered_on', is_date=true) }}
        and not is_test
        and not is_cancelled
        and ordered_on in (select day from viewed)
    group by all
)

select
    day,
    product_id,
    coalesce(viewed.views, 0) as views,
    coalesce(filled.carts, 0) as carts,
    coalesce(ordered.order_lines, 0) as order_lines,
    cast(coalesce(ordered.units, 0) as bigint) as units,
    {{ ratio('filled.carts', 'viewed.views') }} as carts_per_view,
    {{ ratio('ordered.order_lines', 'filled.carts') }} as orders_per_cart
from (
    select * from viewed
    where product_id is not null
) as viewed
full join filled using (day, product_id)
full join ordered using (day, product_id)
