select
    users.user_id,
    users.valid_from,
    users.valid_to,
    users.is_current,
    users.segment,
    -- the decade is all that analysis needs of a birth date
    cast(users.birth_year - users.birth_year % 10 as integer) as birth_decade,
    standing.is_test,
    {{ business_day('users.created_at') }} as registered_on
from {{ source('user_service', 'users') }} as users
inner join {{ ref('user_standing') }} as standing
    on users.user_id = standing.user_id and standing.consents_to_analytics
