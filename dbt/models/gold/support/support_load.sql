with opened as (
    select
        opened_on as day,
        count(*) as opened,
        count(first_reply_minutes) as replied,
        sum(first_reply_minutes) as reply_minutes
    from {{ ref('fct_tickets') }}
    where not is_test
    group by opened_on
),

solved as (
    select
        solved_on as day,
        count(*) as solved,
        count(*) filter (where rating = 'good') as good,
        count(*) filter (where rating = 'bad') as bad
    from {{ ref('fct_tickets') }}
    where not is_test and solved_on is not null
    group by solved_on
),

span as (
    select min(day) as first_day, max(day) as last_day
    from (
        select day from opened
        union all
        select day from solved
    )
)

select
    dates.day,
    coalesce(opened.opened, 0) as opened,
    coalesce(solved.solved, 0) as solved,
    cast(sum(coalesce(opened.opened, 0) - coalesce(solved.solved, 0)) over (order by dates.day) as bigint) as backlog,
    {{ ratio('opened.reply_minutes', 'opened.replied') }} as average_first_reply_minutes,
    coalesce(solved.good, 0) as good,
    coalesce(solved.bad, 0) as bad,
    {{ ratio('solved.good', 'solved.good + solved.bad') }} as good_share
from {{ ref('dim_dates') }} as dates
inner join span on dates.day between span.first_day and span.last_day
left join opened on dates.day = opened.day
left join solved on dates.day = solved.day
