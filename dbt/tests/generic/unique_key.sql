{# No two rows share these columns; nulls count as equal. #}
{% test unique_key(model, columns) %}
    select {{ columns | join(', ') }} from {{ model }} group by all having count(*) > 1
{% endtest %}
