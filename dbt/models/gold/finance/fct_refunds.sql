select
    refunds.refund_id,
    {{ business_day('refunds.created_at') }} as refunded_on,
    refunds.created_at as refunded_at,
    refunds.charge_id,
    coalesce(payments.order_id, refunds.order_id) as order_id,
    payments.user_id,
    coalesce(payments.is_test, false) as is_test,
    refunds.return_id,
    refunds.currency,
    {{ major_unit('refunds.amount', 'refunds.currency') }} as amount,
    -- of a charge in another currency, the part that was given back is a part of the order
    cast(case
        when refunds.currency = 'eur' then {{ major_unit('refunds.amount', 'refunds.currency') }}
        else round(orders.total * refunds.amount / nullif(payments.amount_minor, 0), 2)
    end as decimal(18, 2)) as amount_eur,
    refunds.amount as amount_minor,
    refunds.status,
    coalesce(orders.is_cancelled, false) as is_order_cancelled
from {{ source('payments', 'refunds') }} as refunds
left join {{ ref('fct_payments') }} as payments on refunds.charge_id = payments.charge_id
left join {{ ref('fct_orders') }} as orders on payments.order_id = orders.order_id
