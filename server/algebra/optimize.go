package algebra

func optimize(st *Statement) {}
