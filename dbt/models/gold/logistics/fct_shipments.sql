{% set changed_shipments = rows_since('logistics_service', 'shipments') %}

{% call changed_days() %}
    select {{ business_day('shipped_at') }} as day from {{ changed_shipments }}
    union all
    select day from {{ days_left('logistics_service', 'shipments') }}
    union all
    select shipped_on
    from released.fct_shipments
    where shipment_id in (select shipment_id from {{ changed_shipments }})
{% endcall %}

select
    shipment_id,
    order_id,
    courier_id,
    microzone_id,
    status,
    {{ business_day('shipped_at') }} as shipped_on,
    shipped_at,
    promised_at,
    delivered_at,
    -- a scanner in the wrong zone reports deliveries before the parcel left: those tell no duration
    case when delivered_at >= shipped_at then date_diff('minute', shipped_at, delivered_at) end as transit_minutes,
    case
        when delivered_at >= shipped_at
            then greatest(0, date_diff('minute', promised_at, delivered_at))
    end as minutes_late,
    case when delivered_at >= shipped_at then delivered_at > promised_at end as is_late
from {{ source('logistics_service', 'shipments') }}
where {{ on_changed_day('shipped_at') }}
