select
    platform,
    campaign_id,
    arg_max(campaign_name, spent_on) as campaign_name,
    currency,
    min(spent_on) as first_day,
    max(spent_on) as last_day,
    count(*) as days,
    cast(sum(impressions) as bigint) as impressions,
    cast(sum(clicks) as bigint) as clicks,
    cast(sum(spend) as decimal(18, 2)) as spend,
    {{ ratio('sum(clicks)', 'sum(impressions)') }} as click_rate,
    {{ ratio('sum(spend)', 'sum(clicks)') }} as cost_per_click,
    {{ ratio('1000 * sum(spend)', 'sum(impressions)') }} as cost_per_thousand_impressions
from {{ ref('fct_ad_spend') }}
group by platform, campaign_id, currency
