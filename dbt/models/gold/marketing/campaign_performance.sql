with measured as (
    select distinct session_on as day from {{ ref('fct_sessions') }}
),

campaigns as (
    select
        ads.platform,
        ads.campaign_id,
        ads.currency,
        arg_max(ads.campaign_name, ads.spent_on) as campaign_name,
        min(ads.spent_on) as first_day,
        max(ads.spent_on) as last_day,
        count(*) as days,
        sum(ads.impressions) as impressions,
        sum(ads.sent) as sent,
        sum(ads.opens) as opens,
        sum(ads.clicks) as clicks,
        sum(ads.spend) as spend,
        sum(ads.spend) filter (where measured.day is not null) as measured_spend
    from {{ ref('fct_ad_spend') }} as ads
    left join measured on ads.spent_on = measured.day
    group by all
),

orders as (
    select platform, campaign_id, count(*) as orders, sum(total) as revenue
    from {{ ref('attribution') }}
    where campaign_id is not null and not is_test and not is_cancelled
    group by all
)

select
    campaigns.platform,
    campaigns.campaign_id,
    campaigns.campaign_name,
    campaigns.currency,
    campaigns.first_day,
    campaigns.last_day,
    campaigns.days,
    cast(campaigns.impressions as bigint) as impressions,
    cast(campaigns.sent as bigint) as sent,
    cast(campaigns.opens as bigint) as opens,
    cast(campaigns.clicks as bigint) as clicks,
    cast(campaigns.spend as decimal(18, 2)) as spend,
    {{ ratio('campaigns.clicks', 'campaigns.impressions') }} as click_rate,
    {{ ratio('campaigns.spend', 'campaigns.clicks') }} as cost_per_click,
    {{ ratio('1000 * campaigns.spend', 'campaigns.impressions') }} as cost_per_thousand_impressions,
    cast(coalesce(campaigns.measured_spend, 0) as decimal(18, 2)) as measured_spend,
    coalesce(orders.orders, 0) as attributed_orders,
    cast(coalesce(orders.revenue, 0) as decimal(18, 2)) as attributed_revenue,
    {{ ratio('campaigns.measured_spend', 'orders.orders') }} as cost_per_order,
    {{ ratio('coalesce(orders.revenue, 0)', 'campaigns.measured_spend') }} as revenue_per_spend
from campaigns
left join orders on campaigns.platform = orders.platform and campaigns.campaign_id = orders.campaign_id
