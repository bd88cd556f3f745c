{# As many rows as the source has, and the same sums: nothing lost, doubled or left stale. #}
{% test complete(model, source, sums={}) %}
    select * from (
        select count(*) as rows
            {%- for column, _ in sums.items() %}, sum({{ column }}) as {{ column }}{% endfor %}
        from {{ model }}
        except
        select count(*)
            {%- for _, expression in sums.items() %}, sum({{ expression }}){% endfor %}
        from {{ source }}
    )
{% endtest %}
