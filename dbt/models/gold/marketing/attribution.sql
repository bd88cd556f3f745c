{% call changed_days() %}
    select day from {{ days_changed_in('fct_orders') }}
    union all
    -- whether a day was measured may have changed
    select day from {{ days_changed_in('fct_sessions') }}
    union all
    select ordered_on
    from released.attribution
    where session_on in (select day from {{ days_changed_in('fct_sessions') }})
        or order_id in (
            select order_id
            from {{ ref('fct_sessions') }}
            where order_id is not null and session_on in (select day from {{ days_changed_in('fct_sessions') }})
        )
{% endcall %}

with orders as (
    select * from {{ ref('fct_orders') }}
    where {{ on_changed_day('ordered_on', is_date=true) }}
),

last_touch as ( -- a visit over midnight stands under both days
    select distinct on (order_id) order_id, session_on, session_id, channel, platform, campaign_id
    from {{ ref('fct_sessions') }}
    where order_id in (select order_id from orders)
    order by order_id asc, session_on desc, session_id desc
),

measured as (
    select distinct session_on as day from {{ ref('fct_sessions') }}
)

select
    orders.order_id,
    orders.ordered_on,
    orders.is_cancelled,
    orders.is_test,
    orders.total,
    last_touch.session_on,
    last_touch.session_id,
    coalesce(last_touch.channel, 'unattributed') as channel,
    last_touch.platform,
    last_touch.campaign_id,
    measured.day is not null as is_measured
from orders
left join last_touch on orders.order_id = last_touch.order_id
left join measured on orders.ordered_on = measured.day
