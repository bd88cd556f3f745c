-- Counted in order lines: an order holds lines of many vendors, and counting lines needs no distinct.
select
    products.vendor_id,
    items.microzone_id,
    count(*) as lines,
    count(*) filter (where items.is_cancelled) as lines_cancelled,
    count(*) filter (where items.delivered_on is not null and not items.is_cancelled) as lines_delivered,
    count(*) filter (where items.is_late and not items.is_cancelled) as lines_late,
    cast(coalesce(sum(items.quantity) filter (where not items.is_cancelled), 0) as bigint) as units_sold,
    cast(coalesce(sum(items.line_total) filter (where not items.is_cancelled), 0) as decimal(18, 2)) as revenue,
    {{ ratio('lines_cancelled', 'lines') }} as cancelled_rate,
    {{ ratio('lines_delivered - lines_late', 'lines_delivered') }} as on_time_rate
from {{ ref('fct_order_items') }} as items
left join {{ ref('dim_products') }} as products on items.product_id = products.product_id
where not items.is_test
group by products.vendor_id, items.microzone_id
