select
    returns.return_id,
    returns.order_id,
    returns.line_no,
    {{ business_day('returns.returned_at') }} as returned_on,
    returns.returned_at,
    orders.ordered_on,
    items.product_id,
    orders.user_id,
    coalesce(orders.is_test, false) as is_test,
    orders.order_id is null as is_orphan,
    returns.reason,
    returns.refund_amount
from {{ source('order_service', 'returns') }} as returns
left join {{ ref('fct_orders') }} as orders on returns.order_id = orders.order_id
left join {{ ref('fct_order_items') }} as items
    on returns.order_id = items.order_id and returns.line_no = items.line_no
