{% set orders = source('order_service', 'orders') %}
{% set changed_orders = rows_since('order_service', 'orders') %}

{% call changed_days() %}
    select {{ business_day('ordered_at') }} as day from {{ changed_orders }}
    union all
    select {{ business_day('created_at') }} from {{ rows_since('order_service', 'order_items') }}
    union all
    select day from {{ days_left('order_service', 'orders') }}
    union all
    select day from {{ days_left('order_service', 'order_items') }}
    union all
    -- the day an order stood under before it moved, and the day of an order whose parcel moved on
    select ordered_on
    from released.fct_orders
    where order_id in (
        select order_id from {{ changed_orders }}
        union all select order_id from {{ rows_since('logistics_service', 'shipments') }}
    )
    union all
    -- consent withdrawn, or the user forgotten: every order that still names them
    select ordered_on
    from released.fct_orders
    where user_id is not null
        and user_id not in (select user_id from {{ ref('user_standing') }} where consents_to_analytics)
    union all
    -- consent given, or test account declared: every order of theirs that does not say so
    select {{ business_day('orders.ordered_at') }}
    from {{ orders }} as orders
    inner join {{ ref('user_standing') }} as standing on orders.user_id = standing.user_id
    inner join released.fct_orders as released on orders.order_id = released.order_id
    where orders.user_id in (
        select user_id from {{ rows_since('user_service', 'consents') }}
        union all select user_id from {{ rows_since('user_service', 'users') }}
    )
        and (released.is_test != standing.is_test or (released.user_id is null) = standing.consents_to_analytics)
{% endcall %}

with items as (
    select order_id, count(*) as line_count, sum(quantity) as units, sum(discount) as discount
    from {{ source('order_service', 'order_items') }}
    where {{ on_changed_day('created_at') }}
    group by order_id
),

orders as (
    select * from {{ orders }}
    where {{ on_changed_day('ordered_at') }}
),

deliveries as (
    select
        order_id,
        -- a scanner in the wrong zone reports deliveries before the parcel left: the day it left is the best guess
        max(greatest(delivered_at, shipped_at)) filter (where status = 'delivered') as delivered_at,
        max(promised_at) as promised_at
    from {{ source('logistics_service', 'shipments') }}
    where order_id in (select order_id from orders)
    group by order_id
)

select
    orders.order_id,
    {{ business_day('orders.ordered_at') }} as ordered_on,
    orders.ordered_at,
    case when standing.consents_to_analytics then orders.user_id end as user_id,
    coalesce(standing.is_test, false) as is_test,
    orders.microzone_id,
    orders.status,
    orders.status = 'cancelled' as is_cancelled,
    orders.currency,
    orders.total,
    cast(coalesce(items.line_count, 0) as integer) as line_count,
    cast(coalesce(items.units, 0) as bigint) as units,
    cast(coalesce(items.discount, 0) as decimal(12, 2)) as discount,
    orders.voucher_code,
    {{ business_day('deliveries.delivered_at') }} as delivered_on,
    deliveries.delivered_at > deliveries.promised_at as is_late,
    orders.updated_at
from orders
left join items on orders.order_id = items.order_id
left join deliveries on orders.order_id = deliveries.order_id
left join {{ ref('user_standing') }} as standing on orders.user_id = standing.user_id
