-- Invoices and customers are counted by first bringing lines down to one row each.
with invoices as (
    select
        {{ month_of('invoiced_on') }} as month,
        invoice_no,
        any_value(customer_id) as customer_id,
        any_value(is_cancellation) as is_cancellation,
        count(*) as lines,
        sum(revenue) as revenue
    from {{ ref('fct_online_retail_lines') }}
    group by month, invoice_no
),

customers as (
    select month, count(*) as customers
    from (
        select distinct month, customer_id from invoices
        where customer_id is not null
    )
    group by month
)

select
    invoices.month,
    count(*) filter (where not is_cancellation) as invoices,
    count(*) filter (where is_cancellation) as cancellations,
    cast(sum(lines) as bigint) as lines,
    coalesce(any_value(customers.customers), 0) as customers,
    cast(coalesce(sum(revenue) filter (where not is_cancellation), 0) as decimal(18, 3)) as invoiced,
    cast(coalesce(sum(revenue) filter (where is_cancellation), 0) as decimal(18, 3)) as cancelled,
    cast(sum(revenue) as decimal(18, 3)) as revenue
from invoices
left join customers on invoices.month = customers.month
group by invoices.month
