select
    vendor_id,
    name,
    country,
    {{ business_day('created_at') }} as joined_on
from {{ source('product_service', 'vendors') }}
