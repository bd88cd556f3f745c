-- An order counts under the segment its user was in when it was placed; before the first row known, the first one.
with history as (
    select
        user_id,
        segment,
        case when row_number() over (partition by user_id order by valid_from) = 1
            then timestamptz '0001-01-01 00:00:00+00' else valid_from end as valid_from
    from {{ ref('dim_users') }}
    where not is_test
),

orders as (
    select
        {{ month_of('orders.ordered_on') }} as month,
        history.segment,
        orders.user_id,
        count(*) as orders,
        sum(orders.total) as revenue
    from {{ ref('fct_orders') }} as orders
    asof join history on orders.user_id = history.user_id and orders.ordered_at >= history.valid_from
    where orders.user_id is not null and not orders.is_test and not orders.is_cancelled
    group by all
)

select
    month,
    segment,
    count(*) as users, -- one row a user, month and segment
    cast(sum(orders) as bigint) as orders,
    cast(sum(revenue) as decimal(18, 2)) as revenue,
    cast(sum(revenue) / sum(orders) as decimal(18, 2)) as average_order_value
from orders
group by month, segment
