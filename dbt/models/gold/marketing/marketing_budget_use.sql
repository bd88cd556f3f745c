with spent as (
    select
        {{ month_of('spent_on') }} as month,
        platform,
        sum(spend) as spend,
        max(spent_on) as last_day
    from {{ ref('fct_ad_spend') }}
    where currency = 'EUR'
    group by all
)

select
    month,
    platform,
    budgets.budget,
    cast(spent.spend as decimal(18, 2)) as spend,
    cast(budgets.budget - coalesce(spent.spend, 0) as decimal(18, 2)) as remaining,
    {{ ratio('spent.spend', 'budgets.budget') }} as used,
    spent.last_day
from
    (
        select month, channel as platform, cast(budget as decimal(18, 2)) as budget
        from {{ source('partners', 'marketing_budget') }}
    ) as budgets
full join spent using (month, platform)
