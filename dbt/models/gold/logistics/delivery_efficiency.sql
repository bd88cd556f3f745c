with zones as (
    select
        shipped_on,
        microzone_id,
        count(*) as shipments,
        count(*) filter (where status = 'delivered') as delivered,
        count(*) filter (where status = 'failed') as failed,
        count(is_late) as timed,
        count(*) filter (where is_late) as late,
        sum(transit_minutes) as transit_minutes,
        sum(minutes_late) as minutes_late
    from {{ ref('fct_shipments') }}
    group by all
)

select
    shipped_on,
    microzone_id,
    shipments,
    delivered,
    failed,
    late,
    {{ ratio('timed - late', 'timed') }} as on_time_rate,
    {{ ratio('failed', 'shipments') }} as failed_rate,
    {{ ratio('transit_minutes', 'timed') }} as average_transit_minutes,
    {{ ratio('minutes_late', 'late') }} as average_minutes_late
from zones
