select
    ads.date as spent_on,
    'facebook' as platform,
    ads.campaign_id,
    ads.campaign_name,
    ads.impressions,
    ads.clicks,
    ads.spend,
    ads.currency
from {{ source('partners', 'facebook_ads') }} as ads
