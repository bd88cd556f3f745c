with orders as (
    select
        user_id,
        min(first_order_on) as first_order_on,
        max(last_order_on) as last_order_on,
        cast(sum(orders) as bigint) as orders,
        sum(revenue) as revenue
    from {{ ref('user_months') }}
    group by user_id
),

refunds as ( -- a cancelled order is not in revenue, so what was given back for it is not taken off
    select user_id, sum(amount_eur) as refunded
    from {{ ref('fct_refunds') }}
    where user_id is not null and not is_test and not is_order_cancelled and status = 'succeeded'
    group by user_id
)

select
    users.user_id,
    users.segment,
    users.registered_on,
    orders.first_order_on,
    orders.last_order_on,
    coalesce(orders.orders, 0) as orders,
    cast(coalesce(orders.revenue, 0) as decimal(18, 2)) as revenue,
    cast(coalesce(refunds.refunded, 0) as decimal(18, 2)) as refunded,
    cast(coalesce(orders.revenue, 0) - coalesce(refunds.refunded, 0) as decimal(18, 2)) as lifetime_value,
    cast(orders.revenue / orders.orders as decimal(18, 2)) as average_order_value
from {{ ref('dim_users') }} as users
left join orders on users.user_id = orders.user_id
left join refunds on users.user_id = refunds.user_id
where users.is_current and not users.is_test
