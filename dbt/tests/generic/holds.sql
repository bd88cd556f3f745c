{# Each rule is true or null in every row: all of them in one scan. One row per broken rule. #}
{% test holds(model, rules) %}
    {{ config(fail_calc="coalesce(sum(broken), 0)") }}
    with counted as (
        select [{% for rule in rules %}count(*) filter (not ({{ rule }})){{ ", " if not loop.last }}{% endfor %}] as broken
        from {{ model }}
    )
    select * from (
        select
            unnest([{% for rule in rules %}'{{ rule | replace("'", "''") }}'{{ ", " if not loop.last }}{% endfor %}]) as rule,
            unnest(broken) as broken
        from counted
    )
    where broken > 0
{% endtest %}
