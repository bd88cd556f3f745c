with orders as (
    select order_id, ordered_on, voucher_code, is_cancelled, is_test, discount
    from {{ ref('fct_orders') }}
    where voucher_code is not null or order_id in (select order_id from {{ ref('fct_voucher_settlements') }})
),

settlements as (
    select
        order_id,
        min(voucher_code) as voucher_code,
        count(*) as settlements,
        sum(amount) as amount,
        max(settled_on) as settled_on
    from {{ ref('fct_voucher_settlements') }}
    group by order_id
),

covered as ( -- the days of orders that the partner has settled anything for
    select min(orders.ordered_on) as first_day, max(orders.ordered_on) as last_day
    from orders
    inner join settlements on orders.order_id = settlements.order_id
)

select
    coalesce(orders.order_id, settlements.order_id) as order_id,
    orders.ordered_on,
    orders.voucher_code,
    settlements.voucher_code as settled_voucher_code,
    cast(coalesce(orders.discount, 0) as decimal(18, 2)) as discount,
    coalesce(settlements.settlements, 0) as settlements,
    cast(coalesce(settlements.amount, 0) as decimal(18, 2)) as settled_amount,
    settlements.settled_on,
    coalesce(orders.is_test, false) as is_test,
    case
        when orders.order_id is null then 'unknown_order'
        when settlements.order_id is null and orders.is_cancelled then 'cancelled'
        when settlements.order_id is null and orders.ordered_on between covered.first_day and covered.last_day
            then 'not_settled'
        when settlements.order_id is null then 'not_covered'
        when orders.is_cancelled then 'settled_though_cancelled'
        when (orders.voucher_code is distinct from settlements.voucher_code) then 'other_voucher'
        when settlements.settlements > 1 then 'settled_twice'
        when orders.discount != settlements.amount then 'other_amount'
        else 'settled'
    end as outcome
from orders
full join settlements on orders.order_id = settlements.order_id
cross join covered
