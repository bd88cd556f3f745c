{% set charges = source('payments', 'charges') %}
{% set changed_charges = rows_since('payments', 'charges') %}

{% call changed_days() %}
    -- all charges of an order tell which of them was its first success
    select {{ business_day('created_at') }} as day
    from {{ charges }}
    where charge_id in (select charge_id from {{ changed_charges }})
        or order_id in (select order_id from {{ changed_charges }})
    union all
    select day from {{ days_left('payments', 'charges') }}
    union all
    select charged_on
    from released.fct_payments
    where charge_id in (select charge_id from {{ changed_charges }})
        or order_id in (
            select order_id
            from released.fct_payments
            where charged_on in (select day from {{ days_left('payments', 'charges') }})
        )
    union all
    -- the order came, or it names another user now, or nobody
    select released.charged_on
    from released.fct_payments as released
    inner join {{ ref('fct_orders') }} as orders on released.order_id = orders.order_id
    where orders.ordered_on in (select day from {{ days_changed_in('fct_orders') }})
        and (not released.is_order_known or released.user_id is distinct from orders.user_id or released.is_test != orders.is_test)
    union all
    -- the order is gone
    select charged_on
    from released.fct_payments
    where is_order_known
        and exists (select 1 from {{ days_left('order_service', 'orders') }})
        and order_id not in (select order_id from {{ ref('fct_orders') }})
    union all
    -- the few without an order: their user is the customer's
    select released.charged_on
    from released.fct_payments as released
    inner join {{ charges }} as charges on released.charge_id = charges.charge_id
    left join {{ source('payments', 'customers') }} as customers on charges.customer_id = customers.customer_id
    left join {{ ref('user_standing') }} as standing on customers.user_id = standing.user_id
    where not released.is_order_known
        and (
            released.user_id is distinct from case when standing.consents_to_analytics then standing.user_id end
            or released.is_test != coalesce(standing.is_test, false)
        )
{% endcall %}

with charges as (
    select * from {{ charges }}
    where {{ on_changed_day('created_at') }}
),

first_successes as (
    select order_id, arg_min(charge_id, (created_at, charge_id)) as charge_id
    from {{ charges }}
    where status = 'succeeded' and order_id in (select order_id from charges)
    group by order_id
)

select
    charges.charge_id,
    {{ business_day('charges.created_at') }} as charged_on,
    charges.created_at as charged_at,
    charges.order_id,
    orders.order_id is not null as is_order_known,
    case
        when orders.order_id is not null then orders.user_id
        when standing.consents_to_analytics then standing.user_id
    end as user_id,
    coalesce(orders.is_test, standing.is_test, false) as is_test,
    charges.currency,
    {{ major_unit('charges.amount', 'charges.currency') }} as amount,
    {{ major_unit('charges.amount_refunded', 'charges.currency') }} as amount_refunded,
    charges.amount as amount_minor,
    charges.status,
    charges.failure_code,
    charges.status = 'succeeded' and charges.amount_refunded = charges.amount as is_refunded,
    charges.is_disputed,
    firsts.charge_id is not null as is_first_success,
    case
        when orders.order_id is null then 'unknown_order'
        when charges.status != 'succeeded' then charges.status
        when firsts.charge_id is not null then 'payment'
        else 'repeated'
    end as role,
    charges.card_brand,
    charges.card_country
from charges
left join {{ ref('fct_orders') }} as orders on charges.order_id = orders.order_id
left join first_successes as firsts on charges.charge_id = firsts.charge_id
left join {{ source('payments', 'customers') }} as customers on charges.customer_id = customers.customer_id
left join {{ ref('user_standing') }} as standing on customers.user_id = standing.user_id
