"""What happens without a click: sensors see changed sources, conditions carry the change on, schedules do the rest."""
