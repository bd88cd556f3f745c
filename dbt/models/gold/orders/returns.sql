-- Counted by the month of the order, so that a rate compares what was sold with what came back of it.
with sold as (
    select
        {{ month_of('items.ordered_on') }} as month,
        coalesce(products.category, 'unknown') as category,
        count(*) as lines_sold,
        sum(items.line_total) as revenue
    from {{ ref('fct_order_items') }} as items
    left join {{ ref('dim_products') }} as products on items.product_id = products.product_id
    where not items.is_test and not items.is_cancelled
    group by all
),

returned as (
    select
        {{ month_of('returns.ordered_on') }} as month,
        coalesce(products.category, 'unknown') as category,
        count(*) as lines_returned,
        sum(returns.refund_amount) as refunded
    from {{ ref('fct_returns') }} as returns
    left join {{ ref('dim_products') }} as products on returns.product_id = products.product_id
    where not returns.is_test and not returns.is_orphan
    group by all
)

select
    month,
    category,
    coalesce(sold.lines_sold, 0) as lines_sold,
    coalesce(returned.lines_returned, 0) as lines_returned,
    cast(coalesce(sold.revenue, 0) as decimal(18, 2)) as revenue,
    cast(coalesce(returned.refunded, 0) as decimal(18, 2)) as refunded,
    {{ ratio('returned.lines_returned', 'sold.lines_sold') }} as return_rate
from sold
full join returned using (month, category)
