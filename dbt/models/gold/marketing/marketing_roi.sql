with spend as (
    select
        spent_on as day,
        sum(spend) as spend,
        sum(clicks) as clicks
    from {{ ref('fct_ad_spend') }}
    where currency = 'EUR'
    group by spent_on
),

customers as (
    select first_order_on as day, count(*) as new_customers
    from {{ ref('customer_lifetime_value') }}
    where first_order_on is not null
    group by first_order_on
)

select
    spend.day,
    cast(spend.spend as decimal(18, 2)) as spend,
    cast(spend.clicks as bigint) as clicks,
    coalesce(revenue.orders - revenue.cancelled_orders, 0) as orders,
    coalesce(customers.new_customers, 0) as new_customers,
    cast(coalesce(revenue.revenue, 0) as decimal(18, 2)) as revenue,
    {{ ratio('coalesce(revenue.revenue, 0)', 'spend.spend') }} as revenue_per_spend,
    {{ ratio('spend.spend', 'customers.new_customers') }} as spend_per_new_customer
from spend
left join {{ ref('daily_revenue') }} as revenue on spend.day = revenue.ordered_on
left join customers on spend.day = customers.day
