with days as (
    select cast(unnest(generate_series(date '2010-01-01', date '2034-12-31', interval 1 day)) as date) as day
)

select
    day,
    cast(year(day) as integer) as year,
    cast(quarter(day) as integer) as quarter,
    cast(month(day) as integer) as month,
    {{ month_of('day') }} as month_start,
    cast(isoyear(day) as integer) as iso_year,
    cast(weekofyear(day) as integer) as iso_week,
    cast(isodow(day) as integer) as iso_weekday,
    dayname(day) as weekday,
    isodow(day) >= 6 as is_weekend
from days
