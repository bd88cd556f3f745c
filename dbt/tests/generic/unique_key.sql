{#
  No two rows share these columns; nulls count as equal. Of a daily model only keys among its fresh rows are looked at:
  the others were unique when they were released, and a changed key builds the model whole.
#}
{% test unique_key(model, columns) %}
    select {{ columns | join(', ') }}
    from {{ model }} as rows
    {%- if is_built_by_day(model) %}
    semi join fresh.{{ model.identifier }} as fresh
        on {% for column in columns %}rows.{{ column }} is not distinct from fresh.{{ column }}{{ " and " if not loop.last }}{% endfor %}
    {%- endif %}
    group by all
    having count(*) > 1
{% endtest %}
