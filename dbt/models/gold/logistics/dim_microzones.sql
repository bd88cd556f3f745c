select microzone_id, name, city, area_km2
from {{ source('logistics_service', 'microzones') }}
