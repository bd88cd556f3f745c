{% call changed_days() %}
    select day from {{ days_changed_in('fct_orders') }}
{% endcall %}

select
    ordered_on,
    count(*) as orders,
    count(*) filter (where is_cancelled) as cancelled_orders,
    count(*) filter (where is_test) as test_orders,
    cast(sum(units) filter (where not is_cancelled and not is_test) as bigint) as units,
    cast(sum(total) as decimal(18, 2)) as booked_revenue,
    cast(coalesce(sum(total) filter (where is_cancelled and not is_test), 0) as decimal(18, 2)) as cancelled_revenue,
    cast(coalesce(sum(total) filter (where is_test), 0) as decimal(18, 2)) as test_revenue,
    cast(coalesce(sum(total) filter (where not is_cancelled and not is_test), 0) as decimal(18, 2)) as revenue,
    cast(coalesce(sum(discount) filter (where not is_cancelled and not is_test), 0) as decimal(18, 2)) as discount
from {{ ref('fct_orders') }}
where {{ on_changed_day('ordered_on', is_date=true) }}
group by ordered_on
