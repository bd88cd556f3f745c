select courier_id, vehicle, is_active
from {{ source('logistics_service', 'couriers') }}
