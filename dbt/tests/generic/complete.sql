{#
  As many rows as the source has, and the same sums: nothing lost, doubled or left stale. Where a row stands for several
  of the source's, `rows` counts what it stands for; `among` says which of the source's rows the model is of. With a
  `day` of the model's that holds of each day, which the source tells `on` a date or `at` a moment.

  A row a day, with the rows of both sides, whether they agree or not: the platform keeps them as the day's history, so
  they are stored and not counted twice. A failure is a day that differs.
#}
{% test complete(model, source, sums={}, rows="count(*)", among="true", day=none, at=none, on=none) %}
    {{ config(fail_calc="coalesce(sum(case when differs then 1 else 0 end), 0)", store_failures=true) }}
    with
        here as (
            select {{ day or "cast(null as date)" }} as day, {{ rows }} as rows
                {%- for column, _ in sums.items() %}, coalesce(sum({{ column }}), 0) as sum_{{ loop.index }}{% endfor %}
            from {{ model }}
            {% if day %}group by 1{% endif %}
        ),
        there as (
            select {{ on or (business_day(at) if at else "cast(null as date)") }} as day, count(*) as rows
                {%- for _, expression in sums.items() %}, coalesce(sum({{ expression }}), 0) as sum_{{ loop.index }}
                {%- endfor %}
            from {{ source }}
            where {{ among }}
            {% if day %}group by 1{% endif %}
        ),
        both_sides as (
            select day, rows as here, 0 as there
                {%- for _ in sums %}, sum_{{ loop.index }} as here_{{ loop.index }}, 0 as there_{{ loop.index }}{% endfor %}
            from here
            union all
            select day, 0, rows{% for _ in sums %}, 0, sum_{{ loop.index }}{% endfor %}
            from there
        )
    select
        day,
        sum(here) as rows_here,
        sum(there) as rows_there,
        sum(here) <> sum(there)
        {%- for _ in sums %} or sum(here_{{ loop.index }}) <> sum(there_{{ loop.index }}){% endfor %} as differs
    from both_sides
    group by day
{% endtest %}
