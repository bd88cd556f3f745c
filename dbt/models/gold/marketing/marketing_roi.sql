-- What nobody was paid for is here too, without spend. An order counts on its own day, not on that of the visit.
with spend as (
    select spent_on as day, channel, platform, sum(spend) as spend, sum(clicks) as clicks
    from {{ ref('fct_ad_spend') }}
    where currency = 'EUR'
    group by all
),

visits as (
    select session_on as day, channel, platform, count(*) as sessions
    from {{ ref('fct_sessions') }}
    group by all
),

orders as (
    select ordered_on as day, channel, platform, count(*) as orders, sum(total) as revenue
    from {{ ref('attribution') }}
    where is_measured and not is_test and not is_cancelled
    group by all
),

days as ( -- one row a day, channel and platform that any of them has
    select
        day,
        channel,
        coalesce(platform, 'none') as platform,
        sum(spend) as spend,
        sum(clicks) as clicks,
        sum(sessions) as sessions,
        sum(orders) as orders,
        sum(revenue) as revenue
    from (
        from spend
        union all by name
        from visits
        union all by name
        from orders
    )
    group by all
),

measured as (
    select distinct session_on as day from {{ ref('fct_sessions') }}
)

select
    days.day,
    days.channel,
    days.platform,
    measured.day is not null as is_measured,
    cast(coalesce(days.spend, 0) as decimal(18, 2)) as spend,
    cast(coalesce(days.clicks, 0) as bigint) as clicks,
    -- nothing is not the same as not known
    cast(if(measured.day is null, null, coalesce(days.sessions, 0)) as bigint) as sessions,
    cast(if(measured.day is null, null, coalesce(days.orders, 0)) as bigint) as orders,
    cast(if(measured.day is null, null, coalesce(days.revenue, 0)) as decimal(18, 2)) as revenue,
    {{ ratio('if(measured.day is null, null, coalesce(days.revenue, 0))', 'days.spend') }} as revenue_per_spend,
    {{ ratio('days.spend', 'days.orders') }} as spend_per_order
from days
left join measured on days.day = measured.day
