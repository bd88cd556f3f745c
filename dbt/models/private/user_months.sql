-- One scan of all orders, and one look at who was in which segment when, for every mart of users. An order counts under
-- the segment its user was in when it was placed; before the first row known, the first one.
with history as (
    select
        user_id,
        segment,
        case
            when row_number() over (partition by user_id order by valid_from) = 1
                then timestamptz '0001-01-01 00:00:00+00'
            else valid_from
        end as valid_from
    from {{ ref('dim_users') }}
    where not is_test
)

select
    orders.user_id,
    {{ month_of('orders.ordered_on') }} as month,
    history.segment,
    count(*) as orders,
    cast(sum(orders.total) as decimal(18, 2)) as revenue,
    min(orders.ordered_on) as first_order_on,
    max(orders.ordered_on) as last_order_on
from {{ ref('fct_orders') }} as orders
asof join history on orders.user_id = history.user_id and orders.ordered_at >= history.valid_from
where orders.user_id is not null and not orders.is_test and not orders.is_cancelled
group by all
