{% call changed_days() %}
    select date as day from {{ rows_since('web', 'sessions') }}
    union all
    select day from {{ days_left('web', 'sessions') }}
{% endcall %}

select
    sessions.date as session_on,
    sessions.session_id,
    sessions.source,
    sessions.medium,
    case
        when sessions.medium = 'paid_social' then 'paid_social'
        when sessions.medium in ('cpc', 'ppc', 'paidsearch') then 'paid_search'
        when sessions.medium = 'email' then 'email'
        when sessions.medium = 'organic' then 'organic_search'
        when sessions.source = '(direct)' then 'direct'
        else 'other'
    end as channel,
    case
        when
            sessions.source in ('facebook', 'google', 'braze')
            and sessions.medium in ('paid_social', 'cpc', 'ppc', 'paidsearch', 'email') then sessions.source
    end as platform,
    sessions.campaign_id,
    sessions.landing_page,
    sessions.device,
    sessions.order_id,
    sessions.events,
    sessions.engaged as is_engaged,
    sessions.engaged_seconds,
    sessions.thresholded as is_thresholded
from {{ source('web', 'sessions') }} as sessions
where {{ on_changed_day('sessions.date', is_date=true) }}
