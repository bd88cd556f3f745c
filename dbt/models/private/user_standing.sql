-- The newest answer holds; on a tie the later consent_id, then "no".
with answers as (
    select user_id, granted
    from {{ source('user_service', 'consents') }}
    where purpose = 'analytics'
    qualify row_number() over (partition by user_id order by recorded_at desc, consent_id desc, granted asc) = 1
)

select
    users.user_id,
    users.is_test,
    coalesce(answers.granted, false) as consents_to_analytics
from {{ source('user_service', 'users') }} as users
left join answers on users.user_id = answers.user_id
where users.is_current
