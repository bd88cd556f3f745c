{% set tickets = source('support', 'tickets') %}
{% set comments = source('support', 'ticket_comments') %}
{% set ratings = source('support', 'satisfaction_ratings') %}

{% call changed_days() %}
    select {{ business_day('created_at') }} as day
    from {{ tickets }}
    where ticket_id in (
        select ticket_id from {{ rows_since('support', 'tickets') }}
        union all select ticket_id from {{ rows_since('support', 'ticket_comments') }}
        union all select ticket_id from {{ rows_since('support', 'satisfaction_ratings') }}
    )
    union all
    select day from {{ days_left('support', 'tickets') }}
    union all
    -- a ticket that moved, or whose comment or rating is gone
    select opened_on
    from released.fct_tickets
    where ticket_id in (select ticket_id from {{ rows_since('support', 'tickets') }})
        or {{ business_day('first_replied_at') }} in (select day from {{ days_left('support', 'ticket_comments') }})
        or solved_on in (
            select day from {{ days_left('support', 'ticket_comments') }}
            union all select day from {{ days_left('support', 'satisfaction_ratings') }}
        )
    union all
    -- consent given or withdrawn, test account declared, the user forgotten
    select released.opened_on
    from released.fct_tickets as released
    inner join {{ tickets }} as tickets on released.ticket_id = tickets.ticket_id
    left join {{ ref('user_standing') }} as standing on tickets.user_id = standing.user_id
    where released.user_id is distinct from case when standing.consents_to_analytics then standing.user_id end
        or released.is_test != coalesce(standing.is_test, false)
{% endcall %}

with tickets as (
    select * from {{ tickets }}
    where {{ on_changed_day('created_at') }}
),

comments as (
    select comments.*, first_value(author_id) over (partition by ticket_id order by created_at, comment_id) as opener_id
    from {{ comments }} as comments
    where ticket_id in (select ticket_id from tickets)
),

replies as ( -- who wrote the first comment is who asked; tickets do not name them
    select ticket_id, min(created_at) as first_at, max(created_at) as last_at, count(*) as replies
    from comments
    where is_public and author_id != opener_id
    group by ticket_id
),

ratings as ( -- offered when the ticket is solved; the newest one holds
    select distinct on (ticket_id) ticket_id, score, created_at
    from {{ ratings }}
    where ticket_id in (select ticket_id from tickets)
    order by ticket_id asc, updated_at desc, rating_id desc
)

select
    tickets.ticket_id,
    {{ business_day('tickets.created_at') }} as opened_on,
    tickets.created_at as opened_at,
    tickets.order_id,
    case when standing.consents_to_analytics then tickets.user_id end as user_id,
    coalesce(standing.is_test, false) as is_test,
    tickets.status,
    tickets.status in ('solved', 'closed') as is_solved,
    tickets.priority,
    tickets.channel,
    replies.first_at as first_replied_at,
    date_diff('minute', tickets.created_at, replies.first_at) as first_reply_minutes,
    coalesce(replies.replies, 0) as replies,
    case
        when tickets.status in ('solved', 'closed')
            then {{ business_day('coalesce(ratings.created_at, replies.last_at, tickets.updated_at)') }}
    end as solved_on,
    ratings.score as rating
from tickets
left join replies on tickets.ticket_id = replies.ticket_id
left join ratings on tickets.ticket_id = ratings.ticket_id
left join {{ ref('user_standing') }} as standing on tickets.user_id = standing.user_id
where tickets.status != 'deleted'
