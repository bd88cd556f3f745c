{% call changed_days() %}
    select invoiced_on as day from {{ rows_since('partners', 'online_retail') }}
    union all
    select day from {{ days_left('partners', 'online_retail') }}
{% endcall %}

select
    invoice_no,
    stock_code,
    description,
    customer_id,
    country,
    invoiced_on,
    invoiced_at,
    starts_with(invoice_no, 'C') as is_cancellation,
    quantity,
    unit_price,
    cast(quantity * unit_price as decimal(18, 3)) as revenue
from {{ source('partners', 'online_retail') }}
where {{ on_changed_day('invoiced_on', is_date=true) }}
