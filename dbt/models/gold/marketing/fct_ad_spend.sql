select
    date as spent_on,
    'facebook' as platform,
    'paid_social' as channel,
    campaign_id,
    campaign_name,
    impressions,
    cast(null as bigint) as sent,
    cast(null as bigint) as opens,
    clicks,
    spend,
    currency
from {{ source('partners', 'facebook_ads') }}
union all
select date, 'google', 'paid_search', campaign_id, campaign_name, impressions, null, null, clicks, spend, currency
from {{ source('partners', 'google_ads') }}
union all
select sent_on, 'braze', 'email', campaign_id, campaign_name, null, sent, opens, clicks, cost, currency
from {{ source('partners', 'braze_campaigns') }}
