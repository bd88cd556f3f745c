{% call changed_days() %}
    -- fct_orders rebuilds the days of changed lines as well
    select day from {{ days_changed_in('fct_orders') }}
    union all
    select ordered_on
    from released.fct_order_items
    where (order_id, line_no) in (select (order_id, line_no) from {{ rows_since('order_service', 'order_items') }})
{% endcall %}

-- A line may arrive before its order: it stays, its day is that of created_at, which is the order's ordered_at.
select
    items.order_id,
    items.line_no,
    {{ business_day('items.created_at') }} as ordered_on,
    items.product_id,
    orders.microzone_id,
    coalesce(orders.is_cancelled, false) as is_cancelled,
    coalesce(orders.is_test, false) as is_test,
    orders.delivered_on,
    orders.is_late,
    items.quantity,
    items.unit_price,
    items.discount,
    cast(items.quantity * items.unit_price - items.discount as decimal(12, 2)) as line_total
from {{ source('order_service', 'order_items') }} as items
left join {{ ref('fct_orders') }} as orders
    on items.order_id = orders.order_id and {{ on_changed_day('orders.ordered_on', is_date=true) }}
where {{ on_changed_day('items.created_at') }}
