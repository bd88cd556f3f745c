with months as (
    select user_id, month, sum(orders) as orders, sum(revenue) as revenue
    from {{ ref('user_months') }}
    group by user_id, month
),

cohorts as (
    select month, orders, revenue, min(month) over (partition by user_id) as cohort_month
    from months
)

select
    cohort_month,
    cast(date_diff('month', cohort_month, month) as integer) as months_since,
    count(*) as users, -- one row a user and month
    max(count(*)) over (partition by cohort_month) as cohort_users, -- nobody is missing in their own first month
    {{ ratio('count(*)', 'max(count(*)) over (partition by cohort_month)') }} as retention,
    cast(sum(orders) as bigint) as orders,
    cast(sum(revenue) as decimal(18, 2)) as revenue
from cohorts
group by cohort_month, months_since
