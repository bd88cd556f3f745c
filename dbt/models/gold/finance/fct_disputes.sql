select
    disputes.dispute_id,
    {{ business_day('disputes.created_at') }} as disputed_on,
    disputes.charge_id,
    payments.order_id,
    coalesce(payments.is_test, false) as is_test,
    disputes.currency,
    {{ major_unit('disputes.amount', 'disputes.currency') }} as amount,
    disputes.reason,
    disputes.status,
    disputes.status in ('won', 'lost', 'warning_closed') as is_closed,
    disputes.amount as amount_minor
from {{ source('payments', 'disputes') }} as disputes
left join {{ ref('fct_payments') }} as payments on disputes.charge_id = payments.charge_id
