{% set days_to_refund_a_cancellation = 3 %}
{% set days_to_refund_a_return = 5 %}

with returned as ( -- what was promised for lines sent back; a return of an unknown order is of its refund's order
    select
        case when returns.is_orphan then refunds.order_id else returns.order_id end as order_id,
        sum(returns.refund_amount) as amount,
        max(returns.returned_at) as returned_at
    from {{ ref('fct_returns') }} as returns
    left join {{ ref('fct_refunds') }} as refunds on returns.is_orphan and returns.return_id = refunds.return_id
    group by all
),

known as ( -- until when the shop and Stripe had told their story: what is due is told by their clock, not by ours
    select greatest(
        (select max(updated_at) from {{ ref('fct_orders') }}),
        (select max(charged_at) from {{ ref('fct_payments') }}),
        (select max(refunded_at) from {{ ref('fct_refunds') }})
    ) as until
),

joined as (
    select
        coalesce(orders.order_id, cases.case_id) as case_id,
        coalesce(orders.order_id, cases.order_id) as order_id,
        orders.order_id is not null as is_order_known,
        coalesce(orders.ordered_on, cases.first_day) as day,
        orders.status as order_status,
        coalesce(orders.is_test, cases.is_test, false) as is_test,
        cast(coalesce(orders.total, 0) as decimal(18, 2)) as total,
        cast(case
            when orders.order_id is null then 0
            when orders.status in ('placed', 'cancelled') then orders.total
            else least(coalesce(returned.amount, 0), orders.total)
        end as decimal(18, 2)) as not_owed,
        cast(coalesce(cases.charged, 0) as decimal(18, 2)) as charged,
        cast(coalesce(cases.refunded, 0) as decimal(18, 2)) as refunded,
        coalesce(cases.attempts, 0) as attempts,
        coalesce(cases.charges, 0) as charges,
        coalesce(cases.pending_charges, 0) as pending_charges,
        coalesce(cases.refunds, 0) as refunds,
        cases.other_currency,
        coalesce(cases.is_disputed, false) as is_disputed,
        returned.amount > 0 as is_returned,
        cases.charges_untouched = cases.charges as is_untouched,
        cases.charges_given_back = cases.charges as is_given_back,
        case
            when orders.status = 'cancelled' then orders.updated_at + interval {{ days_to_refund_a_cancellation }} day
            else returned.returned_at + interval {{ days_to_refund_a_return }} day
        end < known.until as is_overdue
    from {{ ref('fct_orders') }} as orders
    full join {{ ref('payment_cases') }} as cases on orders.order_id = cases.case_id
    left join returned on orders.order_id = returned.order_id
    cross join known
)

select
    * exclude (is_order_known, pending_charges, is_returned, is_untouched, is_given_back, is_overdue),
    cast((charged - refunded) - (total - not_owed) as decimal(18, 2)) as difference,
    case
        when not is_order_known then if(attempts = 0, 'unknown_charge', 'unknown_order')
        when charges = 0 and refunded != 0 then 'unexplained'
        when charges = 0 and order_status = 'cancelled' then 'cancelled_unpaid'
        when charges = 0 and total = 0 then 'paid_as_ordered'
        when charges = 0 and pending_charges > 0 then 'charge_pending'
        when charges = 0 and attempts > 0 then 'failed_only'
        when charges = 0 then if(order_status = 'placed', 'not_yet_due', 'no_charge')
        when charges > 1 then 'charged_twice'
        when other_currency is not null then 'other_currency'
        when charged != total then 'other_amount'
        when order_status = 'placed' then 'charged_early'
        when order_status = 'cancelled' and is_given_back then 'refunded_as_cancelled'
        when is_returned and order_status != 'cancelled' and refunded = not_owed then 'refunded_return'
        when (order_status = 'cancelled' or is_returned) and not is_untouched then 'refunded_other_amount'
        when order_status = 'cancelled' or is_returned then if(is_overdue, 'refund_missing', 'refund_pending')
        when not is_untouched then 'refunded_without_return'
        when order_status in ('paid', 'shipped', 'delivered') then 'paid_as_ordered'
        else 'unexplained'
    end as outcome
from joined
