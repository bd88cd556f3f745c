with months as (
    select user_id, {{ month_of('ordered_on') }} as month, count(*) as orders, sum(total) as revenue
    from {{ ref('fct_orders') }}
    where user_id is not null and not is_test and not is_cancelled
    group by all
),

cohorts as (
    select user_id, month, orders, revenue, min(month) over (partition by user_id) as cohort_month
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
