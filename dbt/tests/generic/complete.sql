{#
  As many rows as the source has, and the same sums: nothing lost, doubled or left stale. Where a row stands for several
  of the source's, `rows` counts what it stands for; `among` says which of the source's rows the model is of.
#}
{% test complete(model, source, sums={}, rows="count(*)", among="true") %}
    select * from (
        select {{ rows }} as rows
            {%- for column, _ in sums.items() %}, coalesce(sum({{ column }}), 0) as {{ column }}{% endfor %}
        from {{ model }}
        except
        select count(*)
            {%- for _, expression in sums.items() %}, coalesce(sum({{ expression }}), 0){% endfor %}
        from {{ source }}
        where {{ among }}
    )
{% endtest %}
