select count(*) from search_index
