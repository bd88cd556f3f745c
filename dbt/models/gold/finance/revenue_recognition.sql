-- Revenue is earned when the order is delivered. A delivered order without a delivered parcel (its shipment is in
-- quarantine, or not here yet) is earned in the month it was placed, and shown as undated.
with booked as (
    select
        {{ month_of('ordered_on') }} as month,
        sum(total) as booked,
        sum(total) filter (where is_cancelled) as cancelled,
        sum(total) filter (where not is_cancelled and status != 'delivered') as outstanding
    from {{ ref('fct_orders') }}
    where not is_test
    group by month
),

earned as (
    select
        {{ month_of('coalesce(delivered_on, ordered_on)') }} as month,
        sum(total) as recognised,
        sum(total) filter (where delivered_on is null) as undated
    from {{ ref('fct_orders') }}
    where not is_test and status = 'delivered'
    group by month
),

refunds as (
    select {{ month_of('returned_on') }} as month, sum(refund_amount) as refunded
    from {{ ref('fct_returns') }}
    where not is_test
    group by month
)

select
    month,
    cast(coalesce(booked.booked, 0) as decimal(18, 2)) as booked,
    cast(coalesce(booked.cancelled, 0) as decimal(18, 2)) as cancelled,
    cast(coalesce(booked.outstanding, 0) as decimal(18, 2)) as outstanding,
    cast(coalesce(earned.recognised, 0) as decimal(18, 2)) as recognised,
    cast(coalesce(earned.undated, 0) as decimal(18, 2)) as undated,
    cast(coalesce(refunds.refunded, 0) as decimal(18, 2)) as refunded,
    cast(coalesce(earned.recognised, 0) - coalesce(refunds.refunded, 0) as decimal(18, 2)) as net_revenue
from booked
full join earned using (month)
full join refunds using (month)
