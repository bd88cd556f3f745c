{# Over the whole table, one column is the sum of others: nothing unexplained. #}
{% test adds_up(model, column, parts) %}
    select 1
    from {{ model }}
    having sum({{ column }}) != {% for part in parts %}sum({{ part }}){{ " + " if not loop.last }}{% endfor %}
{% endtest %}
