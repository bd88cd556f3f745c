select
    settlement_id,
    upper(trim(voucher_code)) as voucher_code,
    order_id,
    amount,
    settled_on
from {{ source('partners', 'voucher_settlements') }}
