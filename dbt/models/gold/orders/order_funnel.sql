-- A status is the furthest stage reached, so an order counts in every stage before it; where a cancelled order stood
-- before it was cancelled is not known.
with days as (
    select
        ordered_on,
        count(*) as placed,
        count(*) filter (where status in ('paid', 'shipped', 'delivered')) as paid,
        count(*) filter (where status in ('shipped', 'delivered')) as shipped,
        count(*) filter (where status = 'delivered') as delivered,
        count(*) filter (where is_cancelled) as cancelled
    from {{ ref('fct_orders') }}
    where not is_test
    group by ordered_on
)

select
    *,
    {{ ratio('paid', 'placed') }} as paid_rate,
    {{ ratio('shipped', 'paid') }} as shipped_rate,
    {{ ratio('delivered', 'shipped') }} as delivered_rate,
    {{ ratio('cancelled', 'placed') }} as cancelled_rate
from days
