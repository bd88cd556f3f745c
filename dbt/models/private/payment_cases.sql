-- Charges with what was given back of each, gathered by the order they name; a refund whose charge is unknown stands
-- alone. Only euros are added up: what another currency was worth, no source tells.
with refunds as (
    select
        charge_id,
        min(order_id) as order_id,
        bool_or(is_test) as is_test,
        min(refunded_on) as refunded_on,
        count(*) as refunds,
        coalesce(sum(amount_minor) filter (where status = 'succeeded'), 0) as minor,
        coalesce(sum(amount) filter (where status = 'succeeded' and currency = 'eur'), 0) as amount
    from {{ ref('fct_refunds') }}
    group by charge_id
),

paid as (
    select
        coalesce(payments.order_id, refunds.order_id, charge_id) as case_id,
        coalesce(payments.order_id, refunds.order_id) as order_id,
        coalesce(payments.is_test, refunds.is_test) as is_test,
        coalesce(payments.charged_on, refunds.refunded_on) as day,
        payments.status,
        payments.currency,
        coalesce(payments.is_disputed, false) as is_disputed,
        case when payments.status = 'succeeded' and payments.currency = 'eur' then payments.amount else 0 end
            as charged,
        coalesce(refunds.refunds, 0) as refunds,
        coalesce(refunds.amount, 0) as refunded,
        coalesce(refunds.minor, 0) = 0 as is_untouched,
        coalesce(refunds.minor, 0) = payments.amount_minor as is_given_back
    from {{ ref('fct_payments') }} as payments
    full join refunds using (charge_id)
)

select
    case_id,
    min(order_id) as order_id,
    bool_or(is_test) as is_test,
    min(day) as first_day,
    count(status) as attempts,
    count(*) filter (where status = 'succeeded') as charges,
    count(*) filter (where status = 'pending') as pending_charges,
    count(*) filter (where status = 'succeeded' and is_untouched) as charges_untouched,
    count(*) filter (where status = 'succeeded' and is_given_back) as charges_given_back,
    max(currency) filter (where status = 'succeeded' and currency != 'eur') as other_currency,
    bool_or(is_disputed) as is_disputed,
    cast(sum(charged) as decimal(18, 2)) as charged,
    cast(sum(refunds) as bigint) as refunds,
    cast(sum(refunded) as decimal(18, 2)) as refunded
from paid
group by case_id
