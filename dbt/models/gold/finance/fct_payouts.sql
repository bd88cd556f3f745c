select
    payouts.payout_id,
    {{ business_day('payouts.created_at') }} as paid_out_on,
    {{ business_day('payouts.arrives_at') }} as arrives_on,
    payouts.currency,
    {{ major_unit('payouts.amount', 'payouts.currency') }} as amount,
    payouts.amount as amount_minor,
    payouts.status
from {{ source('payments', 'payouts') }} as payouts
