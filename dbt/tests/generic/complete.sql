{#
  As many rows as the source has, and the same sums: nothing lost, doubled or left stale. Where a row stands for several
  of the source's, `rows` counts what it stands for; `among` says which of the source's rows the model is of. With a
  `day` of the model's that holds of each day, which the source tells `on` a date or `at` a moment: a failure is a day.
#}
{% test complete(model, source, sums={}, rows="count(*)", among="true", day=none, at=none, on=none) %}
    with
        here as (
            select {{ day or "null" }} as day, {{ rows }} as rows
                {%- for column, _ in sums.items() %}, coalesce(sum({{ column }}), 0) as sum_{{ loop.index }}{% endfor %}
            from {{ model }}
            {% if day %}group by 1{% endif %}
        ),
        there as (
            select {{ on or (business_day(at) if at else "null") }} as day, count(*) as rows
                {%- for _, expression in sums.items() %}, coalesce(sum({{ expression }}), 0) as sum_{{ loop.index }}
                {%- endfor %}
            from {{ source }}
            where {{ among }}
            {% if day %}group by 1{% endif %}
        )
    select distinct day
    from ((select * from here except select * from there) union all (select * from there except select * from here))
{% endtest %}
